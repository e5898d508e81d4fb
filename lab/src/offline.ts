import { signal } from '@preact/signals';

/** Why the page is not kept for times without a network; '' where it is, or nobody knows yet. */
export const notKept = signal('');

/** Lets the service worker keep the page for times without a network, once it is shown. Without one the page works as it is, and says so. */
export function keepOffline(): void {
  if (import.meta.env?.DEV === true) return;
  if (!('serviceWorker' in navigator)) {
    notKept.value = 'this browser offers no service worker here';
    return;
  }
  const register = () => {
    navigator.serviceWorker.register('./service-worker.js').catch((error: Error) => {
      notKept.value = error.message;
    });
  };
  if (document.readyState === 'complete') register();
  else addEventListener('load', register);
}
