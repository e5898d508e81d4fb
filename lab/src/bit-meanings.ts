/** What a bit says to a person, and the clause that tells of it; feature bits have their names. */
export const bitMeanings: Readonly<Record<string, { readonly says: string; readonly clause?: string }>> = {
  acknowledge: { says: 'the driver has noticed the device', clause: 'INIT-01' },
  driver: { says: 'it knows how to drive it', clause: 'INIT-01' },
  driverOk: { says: 'the driver is ready, and the device may work', clause: 'INIT-08' },
  featuresOk: { says: 'the driver has chosen its features', clause: 'INIT-05' },
  suspend: { says: 'the device is suspended', clause: 'SUSP-03' },
  needsReset: { says: 'the device is in an error and wants to be reset', clause: 'BF-STAT-06' },
  failed: { says: 'the driver has given the device up', clause: 'INIT-06' },
  queue: { says: 'a queue has used buffers' },
  configuration: { says: 'the configuration has changed' },
  io: { says: 'ports are decoded' },
  memory: { says: 'memory is decoded' },
  busMaster: { says: 'the function may do DMA and send messages' },
  interruptDisable: { says: 'the interrupt line is not used' },
};
