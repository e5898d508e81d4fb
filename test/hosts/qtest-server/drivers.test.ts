import { driverTests } from '../qtest/exercises.ts';
import { frontProgram, withoutKoffi } from './front-program.ts';

// The very tests that a QEMU is put to, with our program in its place.
driverTests("our program's", withoutKoffi, frontProgram);
