// A tab asks less than once a second; what a panel reads first does not wait for that.

const PER_SECOND = 0.9;

/** Milliseconds on a clock that nobody sets: what is due must not wait for hours where the machine's clock is put back. */
export const steady = () => performance.now();

export function pacer(now = steady) {
  let next = now();
  return {
    /** Milliseconds until one more may be sent. */
    wait: () => Math.max(0, next - now()),
    take() {
      next = now() + 1000 / PER_SECOND;
    },
  };
}
