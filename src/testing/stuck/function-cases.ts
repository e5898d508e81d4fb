import { maskOf } from '../../core/index.ts';
import { powerDown, setCommand } from '../../driver/index.ts';
import { translatedWayNames } from '../../mmr/index.ts';
import { command, type0Header } from '../../pci/layout/index.ts';
import {
  commonConfig,
  deviceStatus,
  feature,
  featureWords,
  networkFeature,
} from '../../virtio/layout/index.ts';
import { touches } from '../mutants/mutant.ts';
import type { StuckCase } from './case.ts';

const { acknowledge, driver, driverOk, featuresOk, failed, suspend } = deviceStatus;

/** Does what a driver does up to its features, and writes the status that it ends with. */
const negotiated =
  (...more: readonly number[]): StuckCase['make'] =>
  ({ bench: { transport } }) => {
    transport.setStatus(acknowledge);
    transport.setStatus(acknowledge | driver);
    const bits = featureWords([feature.version1, ...more]);
    transport.writeFeatures(bits);
    transport.setStatus(acknowledge | driver | featuresOk);
  };

/** Functions that nobody reaches, and devices that are not up. */
export const functionCases: readonly StuckCase[] = [
  {
    reason: 'no-function',
    says: 'the function was unplugged',
    make: (stage) =>
      stage.lie({ read: ({ place, width }, value) => (place === 'config' ? maskOf(width) : value) }),
  },
  {
    reason: 'not-virtio',
    says: 'the function is of a type that nobody here knows',
    make: (stage) => {
      stage.options = { ...stage.options, types: [] };
    },
  },
  {
    reason: 'powered-down',
    says: 'the function was put to D3hot',
    // What a guest is shown has no power management.
    except: translatedWayNames.map((name) => `via-${name}` as const),
    device: ({ pci }) => pci.addPowerManagement(),
    make: ({ bench }) => void powerDown(bench.bus, bench.found),
  },
  {
    reason: 'no-interface',
    says: 'the capability list was lost',
    kinds: ['modern'],
    make: (stage) =>
      stage.lie({
        read: ({ place, offset }, value) =>
          place === 'config' && offset === type0Header.capabilitiesPointer.offset ? 0 : value,
      }),
  },
  {
    reason: 'no-address',
    says: 'firmware gave the BARs no addresses',
    make: ({ bench, bus }) => {
      const { offset, count } = type0Header.bar;
      for (let i = 0; i < count; i++) bus.configWrite(bench.found.address, offset + 4 * i, 4, 0);
    },
  },
  {
    reason: 'decode-off',
    says: 'the driver forgot to switch I/O and memory decoding on',
    make: ({ bus, fn }) => setCommand(bus, fn, 0, command.io | command.memory),
  },
  {
    reason: 'gone',
    says: 'the function answers no register any more',
    make: (stage) => {
      stage.start();
      stage.lie({ read: ({ place, width }, value) => (place === 'config' ? value : maskOf(width)) });
    },
  },
  {
    reason: 'needs-reset',
    says: 'the driver moved the available index too far, and the device asks for a reset',
    settings: ['modern'],
    make: (stage) => {
      const running = stage.start();
      stage.available(running, [], 3000);
      stage.kick(running);
    },
  },
  {
    reason: 'failed',
    says: 'the driver gave up',
    make: ({ bench: { transport } }) => transport.setStatus(acknowledge | driver | failed),
  },
  { reason: 'not-started', says: 'no driver has begun', make: () => {} },
  {
    reason: 'bus-master-off',
    says: 'the driver forgot to switch bus mastering on',
    make: (stage) => {
      const running = stage.start();
      setCommand(stage.bus, stage.fn, 0, command.busMaster);
      stage.expose(running, true);
    },
  },
  {
    reason: 'no-acknowledge',
    says: 'the driver set DRIVER_OK alone',
    later: true,
    // The shim raises what the modern interface wants first.
    except: ['via-modern-shim'],
    make: ({ bench: { transport } }) => transport.setStatus(driverOk),
  },
  {
    reason: 'no-driver',
    says: 'the device was noticed, and no driver has come',
    later: true,
    make: ({ bench: { transport } }) => transport.setStatus(acknowledge),
  },
  {
    reason: 'features-not-offered',
    says: 'the driver accepted a feature that is not offered',
    settings: ['modern'],
    make: negotiated(feature.unused),
  },
  {
    reason: 'features-dependency',
    says: 'the driver accepted a feature without the one that it needs',
    settings: ['modern'],
    types: ['network'],
    make: negotiated(networkFeature.controlReceive),
  },
  {
    reason: 'no-version-1',
    says: 'a driver of the modern interface did not accept VERSION_1',
    settings: ['modern'],
    make: (stage) => {
      const { transport } = stage.bench;
      transport.setStatus(acknowledge);
      transport.setStatus(acknowledge | driver);
      transport.writeFeatures(featureWords([feature.ringIndirectDescriptors]));
      transport.setStatus(acknowledge | driver | featuresOk);
      // So far a transitional function could as well be in the hands of a legacy driver.
      stage.options = { ...stage.options, interface: 'modern' };
    },
  },
  {
    reason: 'features-not-settled',
    says: 'the driver stopped before FEATURES_OK',
    settings: ['modern'],
    make: ({ bench: { transport } }) => {
      transport.setStatus(acknowledge);
      transport.setStatus(acknowledge | driver);
    },
  },
  {
    reason: 'no-driver-ok',
    says: 'the driver set everything up and forgot DRIVER_OK',
    make: (stage) => {
      const running = stage.start({ untilDriverOk: true });
      stage.expose(running, true);
    },
  },
  {
    reason: 'suspended',
    says: 'the driver suspended the device and forgot',
    settings: ['modern'],
    make: (stage) => {
      const running = stage.start({ transportFeatures: [feature.suspend] });
      const { transport } = stage.bench;
      transport.setStatus(transport.status | suspend);
      stage.expose(running, false);
    },
  },
  {
    reason: 'no-queue',
    says: 'the driver set no queue up',
    make: (stage) => void stage.start({ queues: [] }),
  },
  {
    reason: 'queue-resetting',
    says: 'the reset of a queue does not end',
    settings: ['modern'],
    make: (stage) => {
      stage.start({ transportFeatures: [feature.ringReset] });
      stage.lie({
        read: (access, value) => (touches(access, 'common', commonConfig.queueReset) ? 1 : value),
      });
    },
  },
];
