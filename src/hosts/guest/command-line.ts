/** A kernel's command line that leaves out what slows an emulated boot down: self tests, mitigations, messages. */
export const QUIET_BOOT =
  'console=ttyS0 tsc=reliable mitigations=off quiet cryptomgr.notests apparmor=0 audit=0';
