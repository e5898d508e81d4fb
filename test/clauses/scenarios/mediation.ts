import { fullMediation } from '../../../src/mmr/index.ts';
import { EntropyDevice, linuxParentPolicy } from '../../../src/virtio/index.ts';
import { mediate } from '../../mmr/mediation/support.ts';
import { during, type Scenario, scenario } from './scenario.ts';

/*
 * What a mediated function says where its vDPA parent does not serve the guest.
 */

const FEATURES_OK = 11;
const DRIVER_OK = 7;

function refused() {
  const world = mediate(new EntropyDevice(), {
    policy: { ...linuxParentPolicy, version1: 'required' },
    mediation: { ...fullMediation, addsPlatform: false, legacyFeatures: 'as they are' },
  });
  const events: Parameters<typeof during>[0]['events'] = [];
  world.machine.events = (event) => events.push(event);
  return { world, events };
}

export const mediations: readonly Scenario[] = [
  scenario('on a vDPA parent: a legacy driver where VERSION_1 is mandated', () => {
    const { world, events } = refused();
    return during({ events }, () => world.legacy().setStatus(DRIVER_OK));
  }),
  scenario('on a vDPA parent: a driver without ACCESS_PLATFORM', () => {
    const { world, events } = refused();
    const transport = world.modern();
    return during({ events }, () => {
      transport.writeFeatures(Uint32Array.of(0, 1, 0, 0));
      transport.setStatus(FEATURES_OK);
    });
  }),
];
