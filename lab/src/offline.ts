/** Lets the service worker keep the page for times without a network, once it is shown. Without one, or where storage is forbidden, the page works as it is. */
export function keepOffline(): void {
  if (!('serviceWorker' in navigator) || import.meta.env?.DEV === true) return;
  const register = () => {
    navigator.serviceWorker.register('./service-worker.js').catch(() => {});
  };
  if (document.readyState === 'complete') register();
  else addEventListener('load', register);
}
