/** Functions of ours for machines in other processes, and devices in other processes for drivers and tests of ours. */
export { type GuestBoard, presentDevice } from '../hosts/present/present.ts';
export {
  NotVirtioError,
  RemoteMigration,
  SERVED_ADDRESS,
  ServedDevice,
  type ServeOptions,
  type ServerEvent,
  type Service,
  VfioUserClient,
  type VfioUserClientOptions,
  VfioUserServer,
  vfioUserSource,
  vfioUserTarget,
} from '../hosts/vfio-user/index.ts';
