import { useEffect, useState } from 'preact/hooks';

/** SVG text as an image: nothing in it can run or load. */
export function SvgImage({ svg, alt }: { svg: string; alt: string }) {
  const [url, setUrl] = useState('');
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [svg]);
  if (url === '') return null;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    <section class="wide" tabIndex={0} aria-label={`${alt}, in full size`}>
      <img class="picture" src={url} alt={alt} />
    </section>
  );
}
