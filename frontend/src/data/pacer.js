// A tab asks less than once a second; what a panel reads first does not wait for that.

const PER_SECOND = 0.9;

export function pacer(now = () => performance.now()) {
  let next = now();
  return {
    /** Milliseconds until one more may be sent. */
    wait: () => Math.max(0, next - now()),
    take() {
      next = now() + 1000 / PER_SECOND;
    },
  };
}
