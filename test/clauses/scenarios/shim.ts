import { configProbe, Pair, type PairOptions } from '../../mmr/support.ts';
import { networkKit } from '../../properties/kits/network.ts';
import { during, type Scenario, scenario } from './scenario.ts';

/*
 * What the shim over a modern function says where it cannot keep what a legacy function promises.
 */

const DRIVER = 3;
const DRIVER_OK = 7;

function probed(options: PairOptions = {}) {
  const under = new Pair(configProbe(), { way: 'modern-shim', ...options });
  under.set('deviceStatus', DRIVER);
  return { under, events: under.guestEvents };
}

function networked() {
  const under = new Pair(networkKit.make(8).behaviour, { way: 'modern-shim' });
  under.set('deviceStatus', DRIVER);
  return { under, events: under.guestEvents };
}

export const shims: readonly Scenario[] = [
  scenario('through the shim: a network driver with headers of 10 bytes', () => {
    const { under, events } = networked();
    return during({ events }, () => under.set('deviceStatus', DRIVER_OK));
  }),
  scenario('through the shim: a network driver writes its address', () => {
    const { under, events } = networked();
    return during({ events }, () => under.out(20, 1, 2));
  }),
  scenario('through the shim: features without what they need', () => {
    const { under, events } = networked();
    under.set('driverFeatures', 2 ** 15 + 2 ** 23);
    return during({ events }, () => under.set('deviceStatus', DRIVER_OK));
  }),
  scenario('through the shim: features while the function works', () => {
    const { under, events } = probed();
    under.set('deviceStatus', DRIVER_OK);
    return during({ events }, () => under.set('driverFeatures', 8));
  }),
  scenario('through the shim: features that the function refuses', () => {
    const { under, events } = probed();
    Object.assign(under.probe, { objection: () => ({ clause: 'BF-FEAT-02', message: 'not these' }) });
    return during({ events }, () => under.set('deviceStatus', DRIVER_OK));
  }),
  scenario('through the shim: a single queue taken down', () => {
    const { under, events } = probed({ transportFeatures: [] });
    under.setUp();
    under.set('deviceStatus', DRIVER_OK);
    return during({ events }, () => under.set('queueAddress', 0));
  }),
];
