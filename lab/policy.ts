/** What the page may load. It says so itself, since who hosts its files may not send headers; `virtiolab lab` sends it too. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  // The emulator of a whole PC compiles what its guest runs; text never becomes code.
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  // Pictures of structures are made on the page.
  "img-src 'self' blob:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');
