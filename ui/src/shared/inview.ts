/** Tells whether an element is in sight. */

export function inView(node: Element, changed: (isSeen: boolean) => void): { destroy: () => void } {
  const observer = new IntersectionObserver(
    (entries) => {
      changed(entries.at(-1)?.isIntersecting ?? false);
    },
    // A little before it is scrolled in, so that the picture is there when it is.
    { rootMargin: "80px" },
  );
  observer.observe(node);
  return {
    destroy: () => {
      observer.disconnect();
    },
  };
}
