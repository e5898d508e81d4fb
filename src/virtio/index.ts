export * from './admin/index.ts';
export * from './backends/byte-queue.ts';
export * from './backends/console-backend.ts';
export * from './backends/counted-storage.ts';
export { type DhcpOptions, DhcpServer } from './backends/dhcp.ts';
export * from './backends/faulty-storage.ts';
export * from './backends/hub.ts';
export { IpAddressError } from './backends/ip-address.ts';
export * from './backends/network-link.ts';
export * from './backends/offload.ts';
export * from './backends/overlay-storage.ts';
export * from './backends/p9-files.ts';
export * from './backends/p9-link.ts';
export * from './backends/p9-memory-server.ts';
export * from './backends/p9-session.ts';
export * from './backends/pcapng.ts';
export * from './backends/responder.ts';
export { ResponderOptionError, type ResponderOptions } from './backends/responder-options.ts';
export * from './backends/rtc-clock.ts';
export * from './backends/storage-filter.ts';
export * from './backends/transfer-part.ts';
export * from './backends/vsock/host.ts';
export * from './backends/vsock/peer.ts';
export { VsockSocket } from './backends/vsock/socket.ts';
export {
  type VsockEnding,
  type VsockHandlers,
  type VsockMessage,
  VsockWriteError,
} from './backends/vsock/socket-parts.ts';
export * from './behaviour.ts';
export { AdministrationInUseError, BehaviourInUseError } from './claim.ts';
export * from './config.ts';
export * from './device.ts';
export * from './device-port.ts';
export * from './devices/balloon/hints.ts';
export * from './devices/balloon/pages.ts';
export * from './devices/balloon/statistics.ts';
export * from './devices/balloon.ts';
export {
  BlockOptionError,
  type BlockOptions,
  type BlockTopology,
  type SegmentLimits,
  StorageSizeError,
} from './devices/block/config.ts';
export * from './devices/block.ts';
export * from './devices/console.ts';
export * from './devices/entropy.ts';
export * from './devices/network/options.ts';
export * from './devices/network.ts';
export { MountTagError, P9MessageBoundError } from './devices/p9/option-errors.ts';
export * from './devices/p9.ts';
export * from './devices/rtc.ts';
export { ScsiAddressError } from './devices/scsi/address.ts';
export type { ScsiCommand } from './devices/scsi/command.ts';
export * from './devices/scsi/disk.ts';
export type { UnitIdentity } from './devices/scsi/inquiry.ts';
export * from './devices/scsi/unit.ts';
export * from './devices/scsi.ts';
export * from './devices/vsock.ts';
export * from './layout/index.ts';
export * from './negotiation.ts';
export * from './queue/batch.ts';
export * from './queue/chain.ts';
export { checkQueueSizes, MAX_QUEUES, QueueCountError, QueueSizeError } from './queue/limits.ts';
export * from './queue/packed.ts';
export * from './queue/queue-resets.ts';
export * from './queue/service.ts';
export * from './queue/split.ts';
export * from './queue/virtqueue.ts';
export * from './queue/waiting.ts';
export * from './queue-user.ts';
export * from './status.ts';
export * from './storage.ts';
export * from './suspension.ts';
export * from './transport/common-config.ts';
export * from './transport/device-config.ts';
export * from './transport/function-layout.ts';
export * from './transport/interrupts.ts';
export * from './transport/isr.ts';
export * from './transport/legacy.ts';
export * from './transport/legacy-fields.ts';
export * from './transport/notify.ts';
export * from './transport/pci-config-window.ts';
export * from './transport/pci-function.ts';
export * from './transport/shared-memory.ts';
export * from './transport/vendor-data.ts';
export * from './transport/virtual-functions.ts';
export * from './vdpa/index.ts';
