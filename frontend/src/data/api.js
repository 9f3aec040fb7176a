// Requests to the service: where it is, the tokens of this tab, and what a failure says.

const DOOR = /\/r\/[^/]+\/$/;
// The state is held back for 1.5 s at most; a service that hangs must show within 5 s.
const PATIENCE = 4_000;
/** For what may take its time: a file, an order. */
const LONG = 20_000;

/** The folder this page was served from: it may lie behind a prefix or the read door. */
const reading = new URL(".", document.baseURI).href;
/** The read door takes GET only; whoever acts goes past it. */
const acting = reading.replace(DOOR, "/");

export const tokens = {
  get: (kind) => sessionStorage.getItem(`kalshiproto.${kind}`),
  set: (kind, token) => sessionStorage.setItem(`kalshiproto.${kind}`, token),
  forget: (kind) => sessionStorage.removeItem(`kalshiproto.${kind}`),
};

/** An answer other than success; `status` 0 if there was none. */
export class Failure extends Error {
  constructor(status, message, code = "", retryAfter = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** How far the clock of the service is ahead of the clock of this machine, in ms. */
let skew = 0;
export const serverNow = () => Date.now() + skew;

export const address = (path) => new URL(path.replace(/^\//, ""), reading).href;

export async function read(path, headers = {}, signal = AbortSignal.timeout(PATIENCE)) {
  const token = tokens.get("read") ?? tokens.get("act");
  const bearer = token ? { Authorization: `Bearer ${token}` } : {};
  return send(address(path), { headers: { ...bearer, ...headers }, signal, cache: "no-store" });
}

/** Save what a route answers as a file of that name. */
export async function download(path, name) {
  const answer = await read(path, {}, AbortSignal.timeout(LONG));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await content(answer, "blob"));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), LONG);
}

export async function act(path) {
  const token = tokens.get("act");
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const url = new URL(path.replace(/^\//, ""), acting).href;
  const signal = AbortSignal.timeout(LONG);
  return content(await send(url, { method: "POST", headers, signal, cache: "no-store" }));
}

/** What an answer holds; one that breaks off or never ends is a failure like one that never came. */
export async function content(answer, kind = "json") {
  try {
    return await answer[kind]();
  } catch (error) {
    throw error instanceof SyntaxError ? new Failure(0, "an answer that is no JSON") : broken(error);
  }
}

/** A body that is cut off in time is an AbortError, a request that is cut off a TimeoutError. */
const broken = (error) => new Failure(0, ["TimeoutError", "AbortError"].includes(error.name) ? "no answer in time" : "no connection");

async function send(url, options) {
  let answer;
  try {
    answer = await fetch(url, { ...options, credentials: "omit" });
  } catch (error) {
    throw broken(error);
  }
  noteTime(answer.headers.get("date"));
  if (answer.ok || answer.status === 304) return answer;
  throw await failure(answer);
}

function noteTime(date) {
  const ahead = Date.parse(date ?? "") + 500 - Date.now();
  // The header has whole seconds: less than that is noise.
  if (Number.isFinite(ahead) && Math.abs(ahead - skew) > 1500) skew = ahead;
}

async function failure(answer) {
  const body = await answer.json().catch(() => null);
  const message = body?.error?.message ?? `status ${answer.status}`;
  const code = body?.error?.code ?? "";
  return new Failure(answer.status, message, code, Number(answer.headers.get("retry-after")) || 0);
}
