// Questions in a dialog of the browser's own: Escape closes it, the focus stays inside.

import { useEffect, useRef, useState } from "preact/hooks";

/** `ask` is {title, text, button, danger, field: {label, secret, value}}; `onAnswer` gets the field or null. */
export function Dialog({ ask, onAnswer }) {
  const box = useRef(null);
  const [value, setValue] = useState(ask.field?.value ?? "");
  useEffect(() => {
    box.current.showModal();
  }, []);
  const accept = (event) => {
    event.preventDefault();
    onAnswer(ask.field ? value : "");
  };
  return (
    <dialog ref={box} aria-labelledby="ask-title" onCancel={() => onAnswer(null)}>
      <form onSubmit={accept}>
        <h2 id="ask-title">{ask.title}</h2>
        {ask.text && <p>{ask.text}</p>}
        {ask.problem && <p class="problem">✕ {ask.problem}</p>}
        {ask.field && (
          <label>
            {ask.field.label}
            <input
              type={ask.field.secret ? "password" : "text"}
              autoComplete="off"
              maxLength={200}
              required={ask.field.required}
              value={value}
              onInput={(event) => setValue(event.currentTarget.value)}
            />
          </label>
        )}
        <div class="buttons">
          <button type="button" onClick={() => onAnswer(null)}>
            Cancel
          </button>
          <button type="submit" class={ask.danger ? "danger" : "primary"}>
            {ask.button}
          </button>
        </div>
      </form>
    </dialog>
  );
}
