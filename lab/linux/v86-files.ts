import url from 'v86/build/v86.wasm?url';
import manifest from 'v86/package.json' with { type: 'json' };

/** Address of the emulator's compiled code. */
export const codeUrl = new URL(url, import.meta.url).href;
/** The part after the plus names v86's own commit. */
export const version = manifest.version.split('+')[0]!;
