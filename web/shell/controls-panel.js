/**
 * Sliders, switches and menus for what of the camera can be set. Each is an element of a form, so that keys and screen readers know it.
 */

/** @typedef {import('./camera-controls.js').CameraControls} CameraControls */
/** @typedef {import('./camera-controls.js').Control} Control */
/** @typedef {HTMLInputElement | HTMLSelectElement} Field */

export class ControlsPanel {
  #part;
  #controls;
  #rows;
  /** @type {Map<string, {field: Field, output: HTMLOutputElement | null}>} */
  #fields = new Map();
  #made = '';
  #shown = -1;

  /** @param {HTMLElement} part of the page @param {CameraControls} controls */
  constructor(part, controls) {
    this.#part = part;
    this.#controls = controls;
    this.#rows = /** @type {HTMLElement} */ (part.querySelector('.rows'));
    /** @type {HTMLButtonElement} */ (part.querySelector('button')).onclick = () => void controls.reset();
  }

  /** To be called some times a second. */
  tick() {
    const { all, version } = this.#controls;
    if (version === this.#shown) {
      return;
    }
    this.#shown = version;
    this.#part.hidden = all.length === 0;
    const made = JSON.stringify(all.map(({ name, kind, min, max, step, entries }) => [name, kind, min, max, step, entries]));
    // What somebody holds must not be made anew.
    if (made !== this.#made) {
      this.#made = made;
      this.#fields.clear();
      this.#rows.replaceChildren(...all.map((control) => this.#row(control)));
    }
    all.forEach((control) => this.#show(control));
  }

  /** @param {Control} control */
  #row(control) {
    const row = document.createElement('label');
    const label = document.createElement('span');
    label.textContent = control.label;
    const field = fieldOf(control);
    const output = control.kind === 'integer' ? document.createElement('output') : null;
    // A slider says its value itself.
    output?.setAttribute('aria-hidden', 'true');
    row.append(label, field, ...(output === null ? [] : [output]));
    this.#fields.set(control.name, { field, output });
    // A slider is followed while it is moved.
    field.oninput = () => {
      if (output !== null) {
        output.value = field.value;
      }
      void this.#controls.set(control.name, valueOf(control, field));
    };
    return row;
  }

  /** @param {Control} control */
  #show(control) {
    const { field, output } = /** @type {{field: Field, output: HTMLOutputElement | null}} */ (this.#fields.get(control.name));
    // Not disabled while it has the focus: that would take it away.
    field.disabled = !control.active && document.activeElement !== field;
    if (field.matches(':active')) {
      return;
    }
    const value = control.value ?? control.default;
    if (field instanceof HTMLInputElement && field.type === 'checkbox') {
      field.checked = value === true;
    } else {
      field.value = String(value);
    }
    if (output !== null) {
      output.value = control.value === null ? '–' : String(control.value);
    }
  }
}

/** @param {Control} control @returns {Field} */
function fieldOf({ kind, min, max, step, entries }) {
  if (kind === 'menu') {
    const menu = document.createElement('select');
    menu.append(...(entries ?? []).map(({ name, label }) => new Option(label, name)));
    return menu;
  }
  const input = document.createElement('input');
  if (kind === 'switch') {
    input.type = 'checkbox';
  } else {
    Object.assign(input, { type: 'range', min: String(min), max: String(max), step: String(step) });
  }
  return input;
}

/** @param {Control} control @param {Field} field @returns {import('./camera-controls.js').Value} */
function valueOf({ kind }, field) {
  if (kind === 'switch' && field instanceof HTMLInputElement) {
    return field.checked;
  }
  return kind === 'integer' ? Number(field.value) : field.value;
}
