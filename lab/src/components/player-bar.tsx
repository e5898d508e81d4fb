import { goOnFromHere } from '../actions.ts';
import { goTo, position } from '../place.ts';
import { step } from '../player.ts';
import { atEnd, busy, cursor, groups, pcView, playing, speed } from '../state.ts';
import { Select } from './machine.tsx';

const speeds = [
  { name: 'at once', value: 0 },
  { name: '50 a second', value: 50 },
  { name: '10 a second', value: 10 },
  { name: '2 a second', value: 2 },
] as const;

/** Time of the stream: pause, steps, and the way back. */
export function PlayerBar() {
  const count = groups.value.length;
  // Read so that the bar follows the cursor.
  void cursor.value;
  const at = position();
  return (
    <div class="player" role="toolbar" aria-label="Time">
      <button type="button" aria-pressed={!playing.value} onClick={() => (playing.value = !playing.value)}>
        Pause
      </button>
      <button type="button" disabled={at === 0} onClick={() => step(-1)}>
        Step back
      </button>
      <button type="button" disabled={atEnd.value} onClick={() => step(1)}>
        Step
      </button>
      <button type="button" disabled={atEnd.value} onClick={() => goTo(count)}>
        To the end
      </button>
      <Select
        label="Speed"
        value={speeds.find(({ value }) => value === speed.value)!.name}
        options={speeds}
        onPick={(name) => (speed.value = speeds.find((each) => each.name === name)!.value)}
      />
      <label class="field position">
        Position
        <input
          type="range"
          min={0}
          max={count}
          value={at}
          aria-valuetext={`${at} of ${count}`}
          onInput={(event) => {
            playing.value = false;
            goTo(Number(event.currentTarget.value));
          }}
        />
      </label>
      <span role="status" aria-live="off">
        {at} of {count}
      </span>
      <button
        type="button"
        disabled={atEnd.value || busy.value || pcView.value !== null}
        onClick={() => void goOnFromHere()}
      >
        Go on from here
      </button>
    </div>
  );
}
