import { render } from 'preact';
import { followAddress, listenToAddress } from './actions.ts';
import { App } from './components/app.tsx';
import { keepOffline } from './offline.ts';
import { startPlayer } from './player.ts';

render(<App />, document.getElementById('app')!);
startPlayer();
listenToAddress();
void followAddress();
keepOffline();
