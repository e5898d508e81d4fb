import { useEffect, useState } from 'preact/hooks';
import type { DraftFindingView, DraftRunView, DraftView, DriveView } from '../../desk-protocol.ts';
import { OWN } from '../../protocol.ts';
import { draftChanged, driveDraft } from '../actions.ts';
import { ask } from '../desk.ts';
import {
  draft,
  draftText,
  keptDraft,
  makeDraft,
  packedDraft,
  run,
  runDraft,
  running,
  setDraft,
} from '../draft-state.ts';
import { busy, opened } from '../state.ts';
import { ClauseLink } from './clause-link.tsx';
import { SvgImage } from './svg-image.tsx';

interface Shipped {
  readonly name: string;
  readonly title: string;
  readonly text: string;
}

const change = (text: string) => setDraft(text, draftChanged);

const levels = [
  ['error', 'Errors'],
  ['warning', 'Warnings'],
  ['question', 'Questions to the author'],
] as const;

function Finding({ finding }: { finding: DraftFindingView }) {
  const { check, about, clause, path, message } = finding;
  return (
    <li title={about}>
      <strong>{check}</strong> {path}: {message}{' '}
      {clause
        .split(' ')
        .filter((id) => /^[A-Z]+-[A-Z0-9-]+$/.test(id))
        .map((id) => (
          <ClauseLink key={id} id={id} />
        ))}
    </li>
  );
}

function Findings({ view }: { view: DraftView }) {
  if (view.kind !== 'draft') return null;
  const { findings, moreFindings } = view;
  if (findings.length === 0) return <p>The validator finds nothing wrong.</p>;
  return (
    <>
      {levels.map(([level, title]) => {
        const own = findings.filter((each) => each.level === level);
        if (own.length === 0) return null;
        return (
          <section key={level} aria-label={title}>
            <h3>
              {title}: {own.length}
            </h3>
            <ul class="findings">
              {own.map((finding, i) => (
                <Finding key={`${finding.check} ${finding.path} ${i}`} finding={finding} />
              ))}
            </ul>
          </section>
        );
      })}
      {moreFindings > 0 ? <p>And {moreFindings} more findings.</p> : null}
    </>
  );
}

function Lines({ lines, label }: { lines: readonly string[]; label: string }) {
  if (lines.length === 0) return null;
  return (
    <ul class="findings" aria-label={label}>
      {lines.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
}

function Run({ result }: { result: DraftRunView }) {
  const { reasons, device, runs, worlds, counterexamples } = result;
  if (reasons.length > 0)
    return <Lines lines={reasons.map((reason) => `Not run: ${reason}`)} label="Why it was not run" />;
  const different = (world: string) => counterexamples.filter((each) => each.world === world);
  return (
    <section aria-label="The draft running">
      <p>
        {device}, {runs} sequences, held against {worlds[0]}
      </p>
      {worlds.slice(1).map((world) => (
        <div key={world}>
          <h4>
            {world}: {different(world).length === 0 ? 'no difference' : 'differs'}
          </h4>
          {different(world).map(({ steps, what, expected, seen }) => (
            <div key={steps.join()}>
              <ol>
                {steps.map((step, i) => (
                  <li key={`${i} ${step}`}>{step}</li>
                ))}
              </ol>
              <p>
                {what}: expected {expected}, seen <strong class="bad">{seen}</strong>
              </p>
            </div>
          ))}
        </div>
      ))}
    </section>
  );
}

/** The draft behind the driver's buttons, and in the stream. */
function Drive({ drive }: { drive: DriveView }) {
  const { setup, own } = opened.value!;
  const driven = setup.reading === OWN;
  const current = driven && setup.draft === draftText.value;
  return (
    <section aria-label="The draft in the machine">
      {drive.reasons.length > 0 ? (
        <p>
          No function can be made of it: {drive.reasons.join('; ')}.
          {driven ? ' The machine is the draft as it was before.' : ''}
        </p>
      ) : (
        <button type="button" disabled={busy.value || current} onClick={() => void driveDraft()}>
          Make the machine of it
        </button>
      )}
      {driven && !current && drive.reasons.length === 0 ? (
        <p>The machine is the draft as it was before.</p>
      ) : null}
      {current && own !== null ? (
        <p role="status">
          The machine above is {own.name}, and follows what is written here: press Bring up, and watch the
          stream.
          {own.assumed.length === 0 ? '' : ` What it leaves open was taken so: ${own.assumed.join(', ')}.`}
        </p>
      ) : null}
    </section>
  );
}

function Shown({ view }: { view: DraftView }) {
  return (
    <>
      {view.kind === 'unread' ? null : <h3>{view.title}</h3>}
      <Lines lines={view.problems} label="What could not be read" />
      <Findings view={view} />
      {view.kind === 'draft' ? (
        <button type="button" disabled={running.value} onClick={() => void runDraft()}>
          Run the draft
        </button>
      ) : null}
      {view.kind === 'structures' ? (
        <button type="button" onClick={() => void makeDraft(draftChanged)}>
          Make a draft of them
        </button>
      ) : null}
      {view.drive === null ? null : <Drive drive={view.drive} />}
      {running.value ? <p role="status">It is running.</p> : null}
      {run.value === null ? null : <Run result={run.value} />}
      {view.pictures.map(({ title, svg }) => (
        <SvgImage key={title} svg={svg} alt={`Picture of ${title}`} />
      ))}
      <Lines lines={view.undrawn} label="What has no picture" />
    </>
  );
}

/** A draft of the specification, or structures of one: written here, judged, drawn and put to work. */
export function DraftsPanel() {
  const [shipped, setShipped] = useState<readonly Shipped[]>([]);
  useEffect(() => {
    void ask('shipped', {}).then(setShipped);
    if (draftText.value === '' && keptDraft() !== '') change(keptDraft());
  }, []);
  return (
    <>
      <h2>Drafts</h2>
      <label class="field">
        Begin with
        <select
          value=""
          onChange={(event) =>
            change(shipped.find(({ name }) => name === event.currentTarget.value)?.text ?? '')
          }
        >
          <option value="">a draft of the package</option>
          {shipped.map(({ name, title }) => (
            <option key={name} value={name} title={title}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label class="area">
        A draft document (JSON), or structures in C
        <textarea
          rows={14}
          spellcheck={false}
          value={draftText.value}
          onInput={(event) => change(event.currentTarget.value)}
        />
      </label>
      {draftText.value === '' ? (
        <p class="quiet">
          Nothing is written yet. Begin with a draft of the package, paste one, or structures as a
          specification prints them: <code>{'struct doorbell { le16 queue; };'}</code>
        </p>
      ) : null}
      {packedDraft.value === null ? (
        <p role="status">It is too long for the address of the page: a link does not carry it.</p>
      ) : null}
      {draft.value === null ? null : <Shown view={draft.value} />}
    </>
  );
}
