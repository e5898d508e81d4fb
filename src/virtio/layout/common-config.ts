import { registers, ro, rw } from '../../core/index.ts';

/** Common configuration structure (PCI-COM-*). 64-bit addresses are two registers (PCI-LAY-03). */
export const commonConfig = registers({
  deviceFeatureSelect: rw(0x00, 4, 'PCI-COM-03'),
  deviceFeature: ro(0x04, 4, 'PCI-COM-03'),
  driverFeatureSelect: rw(0x08, 4, 'PCI-COM-04'),
  driverFeature: rw(0x0c, 4, 'PCI-COM-04'),
  configMsixVector: rw(0x10, 2, 'PCI-MSIX-06'),
  numQueues: ro(0x12, 2, 'PCI-COM-18'),
  deviceStatus: rw(0x14, 1, 'PCI-COM-07'),
  configGeneration: ro(0x15, 1, 'PCI-COM-06'),
  queueSelect: rw(0x16, 2, 'PCI-COM-14'),
  queueSize: rw(0x18, 2, 'PCI-COM-14 PCI-COM-15'),
  queueMsixVector: rw(0x1a, 2, 'PCI-MSIX-06'),
  queueEnable: rw(0x1c, 2, 'PCI-COM-08'),
  queueNotifyOffset: ro(0x1e, 2, 'PCI-NOT-05'),
  queueDescriptorLow: rw(0x20, 4, 'PCI-LAY-03'),
  queueDescriptorHigh: rw(0x24, 4, 'PCI-LAY-03'),
  queueDriverLow: rw(0x28, 4, 'PCI-LAY-03'),
  queueDriverHigh: rw(0x2c, 4, 'PCI-LAY-03'),
  queueDeviceLow: rw(0x30, 4, 'PCI-LAY-03'),
  queueDeviceHigh: rw(0x34, 4, 'PCI-LAY-03'),
  queueNotifConfigData: ro(0x38, 2, 'PCI-KICK-05 PCI-COM-18'),
  queueReset: rw(0x3a, 2, 'PCI-COM-09 PCI-COM-11'),
  adminQueueIndex: ro(0x3c, 2, 'PCI-COM-16'),
  adminQueueNum: ro(0x3e, 2, 'PCI-COM-17'),
});
