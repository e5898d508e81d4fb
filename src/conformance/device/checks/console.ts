import {
  commonConfig,
  consoleConfig,
  consoleEvent,
  consoleFeature,
  consoleReceiveQueue,
  consoleTransmitQueue,
  legacyHeader,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import type { Check, Setting } from '../check.ts';
import { MultiportDriver } from '../types/console.ts';

const types = ['console'];
const legacy: readonly Setting[] = ['legacy'];
const { deviceAdd, deviceRemove, consolePort } = consoleEvent;

function queueSize(bench: Bench, queue: number): number {
  const [select, size] = bench.modern
    ? ([commonConfig.queueSelect, commonConfig.queueSize] as const)
    : ([legacyHeader.queueSelect, legacyHeader.queueSize] as const);
  bench.put(select, queue);
  return bench.get(size);
}

const CHARACTER = 'V'.charCodeAt(0);

/** The console. */
export const consoleChecks: readonly Check[] = [
  {
    id: 'console-emergency-write',
    clauses: ['CON-02', 'CON-03'],
    types,
    says: 'emerg_wr takes a character before anything was set up, and the character comes out',
    async run(bench) {
      bench.needs(consoleFeature.emergencyWrite, 'EMERG_WRITE');
      const { sentText } = bench.hands;
      await sentText?.();
      bench.transport.reset();
      bench.registers.config.write(consoleConfig.emergencyWrite.offset, 4, CHARACTER);
      bench.equal('CON-02', 'device_status after it', bench.transport.status, 0);
      await bench.lull();
      if (sentText !== undefined)
        bench.check('CON-03', (await sentText()).includes(CHARACTER), 'the character sent', 'nothing');
      await bench.ask(bench.start(), 'CON-02');
    },
  },
  {
    id: 'console-size-of-legacy-drivers',
    clauses: ['LEG-CON-01'],
    types,
    settings: legacy,
    says: "a legacy driver reads the terminal's size in the guest's order",
    async run(bench) {
      const resize = bench.hand('resizeTerminal');
      bench.needs(consoleFeature.size, 'SIZE');
      bench.start({ features: [consoleFeature.size] });
      await resize(132, 43);
      await bench.lull();
      bench.equal('LEG-CON-01', 'cols', bench.config(consoleConfig.columns.offset, 2), 132);
      bench.equal('LEG-CON-01', 'rows', bench.config(consoleConfig.rows.offset, 2), 43);
    },
  },
  {
    id: 'console-control-of-legacy-drivers',
    clauses: ['LEG-CON-02'],
    types,
    settings: legacy,
    says: "control messages have the guest's order",
    async run(bench) {
      const driver = new MultiportDriver(bench);
      await driver.greet('LEG-CON-02');
      const known = Object.values(consoleEvent) as number[];
      for (const { event, port } of driver.messages) {
        bench.check('LEG-CON-02', known.includes(event), 'an event that there is', `event ${event}`);
        bench.check('LEG-CON-02', port < 0x10000, 'a port number', `port ${port}`);
      }
      const added = driver.of(deviceAdd).length;
      bench.check('LEG-CON-02', added > 0, 'ports added once the driver is ready', 'no message');
    },
  },
  {
    id: 'console-ports-added-and-removed',
    clauses: ['CON-06', 'CON-07'],
    types,
    says: 'DEVICE_ADD names ports below max_nr_ports that are not there, DEVICE_REMOVE such that are',
    async run(bench) {
      const driver = new MultiportDriver(bench);
      await driver.greet('CON-06');
      const { plugPort, unplugPort } = bench.hands;
      if (plugPort !== undefined && unplugPort !== undefined) {
        const port = await plugPort();
        await driver.hear();
        await unplugPort(port);
        await driver.hear();
        // One that comes and goes before the driver could be told.
        await unplugPort(await plugPort());
        await driver.hear();
      }
      const there = new Set<number>();
      for (const { event, port } of driver.messages)
        if (event === deviceAdd) {
          const most = driver.maxPorts;
          bench.check('CON-06', port < most, `a port below max_nr_ports = ${most}`, `port ${port}`);
          bench.check('CON-06', !there.has(port), 'a port that is not there yet', `port ${port}, again`);
          there.add(port);
        } else if (event === deviceRemove) {
          bench.check('CON-07', there.delete(port), 'a port that was added', `port ${port}, which was not`);
        }
    },
  },
  {
    id: 'console-ports-have-queues',
    clauses: ['CON-01', 'CON-05'],
    types,
    says: 'each port that is added has its two queues, and each that is nominated as console was added',
    async run(bench) {
      const driver = new MultiportDriver(bench);
      await driver.greet('CON-01');
      const added = driver.of(deviceAdd).map(({ port }) => port);
      for (const port of added)
        for (const queue of [consoleReceiveQueue(port), consoleTransmitQueue(port)])
          bench.check(
            'CON-01',
            queueSize(bench, queue) > 0,
            `queue ${queue} of port ${port}`,
            'no such queue',
          );
      for (const { port } of driver.of(consolePort))
        bench.check('CON-05', added.includes(port), 'a console port that was added', `port ${port}`);
    },
  },
];
