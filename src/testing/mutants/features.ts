import { EXTENDED_START, extendedCapabilityId, packExtendedHeader } from '../../pci/index.ts';
import { commonConfig, deviceStatus, feature, hasFeature, networkFeature } from '../../virtio/index.ts';
import { type BusLies, type DeviceMutant, touches } from './mutant.ts';
import { AcceptedFeatures, lyingOffer } from './offers.ts';

const { featuresOk } = deviceStatus;

/** FEATURES_OK is not taken where `refuses` says so. */
function refusing(refuses: (accepted: AcceptedFeatures) => boolean): BusLies {
  const accepted = new AcceptedFeatures();
  return {
    write(access, value) {
      accepted.see(access, value);
      const asks = touches(access, 'common', commonConfig.deviceStatus) && (value & featuresOk) !== 0;
      return asks && refuses(accepted) ? value & ~featuresOk : value;
    },
  };
}

/** Devices that offer, or agree to, what they should not. */
export const featureMutants: readonly DeviceMutant[] = [
  {
    name: 'no-version-1',
    breaks: ['RF-14'],
    says: 'VERSION_1 is not offered',
    setting: 'modern',
    bus: () => lyingOffer({ hide: [feature.version1] }),
  },
  {
    name: 'offer-without-need',
    breaks: ['BF-FEAT-09'],
    says: 'features of the control queue are offered without it',
    type: 'network',
    bus: () => lyingOffer({ hide: [networkFeature.controlQueue] }),
  },
  {
    name: 'reserved-bits-offered',
    breaks: ['BF-FEAT-12'],
    says: 'bits 25 and 45 are offered',
    bus: () => lyingOffer({ add: [25, 45] }),
  },
  {
    name: 'sr-iov-without-capability',
    breaks: ['RF-23'],
    says: 'SR_IOV is offered, and there is no capability',
    bus: () => lyingOffer({ add: [feature.singleRootIov] }),
  },
  {
    name: 'capability-without-sr-iov',
    breaks: ['RF-22'],
    says: 'there is a capability of SR-IOV, and the feature is not offered',
    bus: () => ({
      read: ({ place, offset }, value) =>
        place === 'config' && offset === EXTENDED_START
          ? packExtendedHeader(extendedCapabilityId.singleRootIov, 1, 0)
          : value,
    }),
  },
  {
    name: 'no-any-layout',
    breaks: ['LEG-RF-03'],
    says: 'ANY_LAYOUT is not offered',
    setting: 'legacy',
    bus: () => lyingOffer({ hide: [feature.anyLayout] }),
  },
  {
    name: 'refuses-event-index',
    breaks: ['BF-FEAT-10'],
    says: 'EVENT_IDX is offered, and refused',
    setting: 'modern',
    bus: () => refusing(({ words }) => hasFeature(words, feature.ringEventIndex)),
  },
  {
    name: 'agrees-once',
    breaks: ['BF-FEAT-13'],
    says: 'features are agreed on once, and never again',
    setting: 'modern',
    bus() {
      let agreed = 0;
      return refusing(() => agreed++ > 0);
    },
  },
  {
    name: 'agrees-to-anything',
    breaks: ['BF-FEAT-11'],
    says: 'FEATURES_OK stands whatever was accepted',
    type: 'network',
    setting: 'modern',
    device({ device }) {
      const settle = device.settleFeatures.bind(device);
      device.settleFeatures = () => {
        settle();
        return true;
      };
    },
  },
  {
    name: 'feature-windows-wrap',
    breaks: ['PCI-COM-03'],
    says: 'of the feature selector two bits count',
    setting: 'modern',
    bus: () => ({
      write: (access, value) =>
        touches(access, 'common', commonConfig.deviceFeatureSelect) ? value & 3 : value,
    }),
  },
  {
    name: 'driver-features-lost',
    breaks: ['PCI-COM-04'],
    says: 'driver_feature reads 0',
    setting: 'modern',
    bus: () => ({
      read: (access, value) => (touches(access, 'common', commonConfig.driverFeature) ? 0 : value),
    }),
  },
];
