import { register } from 'tsx/esm/api';

register();
await import('./fence-driver.ts');
