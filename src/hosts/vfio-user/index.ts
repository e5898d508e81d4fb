export { VfioUserClient, type VfioUserClientOptions, vfioUserTarget } from './client.ts';
export { SERVED_ADDRESS, ServedDevice } from './device.ts';
export { CommandError, ProtocolError, ServerOptionError } from './errors.ts';
export { RemoteMigration } from './remote-migration.ts';
export { type ServeOptions, type ServerEvent, type Service, VfioUserServer } from './server.ts';
export { NotVirtioError, vfioUserSource } from './subjects.ts';
