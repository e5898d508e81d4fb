import { driverTests } from './exercises.ts';
import { reason } from './support.ts';

driverTests("QEMU's", reason);
