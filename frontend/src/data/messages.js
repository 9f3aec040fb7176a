// Server-sent events from the body of an answer: EventSource could not bring the token.

/** Each event as {name, data}; comments as {data: ""}. Ends when the body does, or after `silence` ms of nothing. */
export async function* messages(body, silence) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const chunk = await Promise.race([reader.read().catch(() => null), late(silence)]);
    if (chunk === null || chunk.done) {
      reader.cancel().catch(() => null);
      return;
    }
    const blocks = (rest + chunk.value).split(/\r?\n\r?\n/);
    rest = blocks.pop();
    yield* blocks.map(parsed);
  }
}

const late = (ms) => new Promise((done) => setTimeout(() => done(null), ms));

function parsed(block) {
  const lines = block.split(/\r?\n/);
  const of = (field) => lines.filter((line) => line.startsWith(`${field}:`)).map((line) => line.slice(field.length + 1).trimStart());
  return { name: of("event")[0], data: of("data").join("\n") };
}
