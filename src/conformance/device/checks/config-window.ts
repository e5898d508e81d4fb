import type { Register, Width } from '../../../core/index.ts';
import { capabilityId } from '../../../pci/layout/index.ts';
import {
  commonConfig,
  deviceStatus,
  pciConfigCapability,
  structureCapability,
  structureType,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import type { Check } from '../check.ts';
import { greet, offeredWords } from '../probe.ts';

const modern = ['modern'] as const;
const { acknowledge, driver } = deviceStatus;

/** The window through configuration space into the BARs, aimed at registers of the common configuration. */
class Window {
  readonly #bench: Bench;
  readonly #at: number;
  readonly #common: { readonly bar: number; readonly offset: number };

  constructor(bench: Bench) {
    this.#bench = bench;
    this.#at = this.#find(structureType.pciConfig) ?? bench.skip('the function has no such window');
    const common = this.#find(structureType.common)!;
    this.#common = {
      bar: this.#read(structureCapability.bar, common),
      offset: this.#read(structureCapability.offset, common),
    };
  }

  #find(type: number): number | undefined {
    const { found } = this.#bench;
    return found.capabilities.find(
      ({ id, offset }) =>
        id === capabilityId.vendorSpecific && this.#read(structureCapability.structureType, offset) === type,
    )?.offset;
  }

  #read({ offset, width }: Register, at = this.#at): number {
    return this.#bench.bus.configRead(this.#bench.found.address, at + offset, width as Width);
  }

  #write({ offset, width }: Register, value: number): void {
    this.#bench.bus.configWrite(this.#bench.found.address, this.#at + offset, width as Width, value);
  }

  #aim({ offset, width }: Register): Register {
    this.#write(pciConfigCapability.bar, this.#common.bar);
    this.#write(pciConfigCapability.offset, this.#common.offset + offset);
    this.#write(pciConfigCapability.length, width);
    // Of the data as many bytes count as are accessed.
    return { ...pciConfigCapability.data, width } as Register;
  }

  get(register: Register): number {
    return this.#read(this.#aim(register));
  }

  put(register: Register, value: number): void {
    this.#write(this.#aim(register), value);
  }

  /** Aims at nothing. */
  close(): void {
    this.#write(pciConfigCapability.length, 0);
  }
}

/** The window through which firmware reaches BARs that it has no other way to. */
export const configWindowChecks: readonly Check[] = [
  {
    id: 'window-writes',
    clauses: ['PCI-CFGW-02'],
    settings: modern,
    says: 'writing pci_cfg_data writes into the BAR, as many bytes as the length says',
    run(bench) {
      const window = new Window(bench);
      try {
        window.put(commonConfig.deviceStatus, acknowledge | driver);
        bench.equal(
          'PCI-CFGW-02',
          'device_status',
          bench.get(commonConfig.deviceStatus),
          acknowledge | driver,
        );
        bench.put(commonConfig.driverFeatureSelect, 0);
        window.put(commonConfig.driverFeatureSelect, 1);
        bench.equal('PCI-CFGW-02', 'driver_feature_select', bench.get(commonConfig.driverFeatureSelect), 1);
        window.put(commonConfig.queueSelect, 1);
        bench.equal('PCI-CFGW-02', 'queue_select', bench.get(commonConfig.queueSelect), 1);
      } finally {
        window.close();
      }
    },
  },
  {
    id: 'window-reads',
    clauses: ['PCI-CFGW-03'],
    settings: modern,
    says: 'reading pci_cfg_data reads from the BAR, as many bytes as the length says',
    run(bench) {
      const window = new Window(bench);
      try {
        greet(bench);
        const [, second] = offeredWords(bench);
        bench.put(commonConfig.deviceFeatureSelect, 1);
        const { deviceFeature, deviceStatus: status, numQueues } = commonConfig;
        bench.equal('PCI-CFGW-03', 'device_feature of window 1', window.get(deviceFeature), second!);
        bench.equal('PCI-CFGW-03', 'num_queues', window.get(numQueues), bench.get(numQueues));
        bench.equal('PCI-CFGW-03', 'device_status', window.get(status), acknowledge | driver);
      } finally {
        window.close();
      }
    },
  },
];
