import { createConnection } from 'node:net';
import { MoveTarget, MovingBus } from '../../../../src/compare/migration/index.ts';
import { SectorProgram, site } from './sectors.ts';

/** The other process: takes a guest from a socket, and lets it go on to its end. */
const [socket, image, log, most] = process.argv.slice(2) as [string, string, string, string];
const { machine, tasks, storage } = site(image, log);
const target = new MoveTarget(machine);
const bytes: number[] = [];
const connection = createConnection(socket);
connection.on('data', (piece: Buffer) => {
  bytes.push(piece.length);
  target.take(new Uint8Array(piece));
});
connection.on('end', () => {
  const bus = new MovingBus(machine.guest);
  const program = new SectorProgram(bus, machine.place, target.finish());
  const first = program.back;
  for (let i = 0; program.back < Number(most) && i < 100_000; i++) {
    program.step(Number(most));
    tasks.release();
  }
  storage.close();
  console.log(JSON.stringify({ first, back: program.back, pieces: bytes.length }));
});
