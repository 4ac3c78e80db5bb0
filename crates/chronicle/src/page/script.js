'use strict';
(() => {
  const entries = [...document.querySelectorAll('article')];
  const place = document.getElementById('filters');
  if (!place || entries.length < 2) return;
  const text = entries.map((entry) => entry.textContent.toLowerCase());
  const kinds = [...new Set(entries.map((entry) => entry.className))];
  const form = document.createElement('form');
  const boxes = document.createElement('fieldset');
  const box = (name, count) => {
    const label = document.createElement('label');
    const input = document.createElement('input');
    input.type = 'checkbox';
    input.checked = true;
    input.value = name;
    label.append(input, ` ${name} (${count})`);
    boxes.append(label);
    return input;
  };
  const inputs = kinds.map((kind) => box(kind, entries.filter((entry) => entry.className === kind).length));
  const search = document.createElement('input');
  search.type = 'search';
  search.placeholder = 'Only entries with this text: a user, an address, a field, a sentence';
  search.setAttribute('aria-label', search.placeholder);
  const shown = document.createElement('p');
  shown.setAttribute('aria-live', 'polite');
  const filter = () => {
    const on = new Set(inputs.filter((input) => input.checked).map((input) => input.value));
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    entries.forEach((entry, at) => {
      entry.hidden = !on.has(entry.className) || !words.every((word) => text[at].includes(word));
      count += entry.hidden ? 0 : 1;
    });
    const part = count < entries.length;
    shown.className = part ? 'part' : 'whole';
    shown.textContent = `${count} of ${entries.length} entries are shown${part ? ', the others are filtered out' : ''}`;
  };
  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('input', filter);
  form.append(boxes, search);
  // Outside of the form, for paper has to say that it shows a part.
  place.append(form, shown);
  filter();
})();
