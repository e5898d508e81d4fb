import { setCommand } from '../../../driver/index.ts';
import { command, status, type0Header } from '../../../pci/layout/index.ts';
import type { Check } from '../check.ts';

/** The pin, where MSI-X is off. */
export const interruptPinChecks: readonly Check[] = [
  {
    id: 'pin-follows-isr',
    clauses: ['PCI-ISR-04'],
    says: 'with MSI-X off the interrupt bit of the PCI status is set as long as ISR is not 0, and the pin where INTx is not disabled',
    async run(bench) {
      if (bench.found.interruptPin === 0) bench.skip('the function has no interrupt pin');
      const running = bench.start({ intx: true, ringFeatures: [] });
      bench.transport.disconnect();
      const { bus, found } = bench;
      const shows = (what: string, expected: number) =>
        bench.equal(
          'PCI-ISR-04',
          `interrupt bit of the PCI status ${what}`,
          bus.configRead(found.address, type0Header.status.offset, 2) & status.interrupt,
          expected,
        );
      let pins = 0;
      setCommand(bus, found.address, command.interruptDisable);
      // Whoever shares the line says for himself whether it is his.
      const release = bus.interrupts.connectLine(found.interruptLine, () => {
        pins++;
        return bench.registers.isr() !== 0;
      });
      try {
        bench.registers.isr();
        shows('before anything happened', 0);
        await bench.ask(running, 'PCI-ISR-04');
        await bench.lull();
        bench.equal('PCI-ISR-04', 'interrupts by the pin while INTx is disabled', pins, 0);
        shows('after a queue was used', status.interrupt);
        bench.registers.isr();
        shows('after ISR was read', 0);
        setCommand(bus, found.address, 0, command.interruptDisable);
        await bench.ask(running, 'PCI-ISR-04');
        await bench.until('PCI-ISR-04', 'an interrupt by the pin', () => pins > 0);
      } finally {
        release();
        setCommand(bus, found.address, 0, command.interruptDisable);
      }
    },
  },
];
