"use strict";
(() => {
  const bar = document.getElementById("filter");
  const said = document.getElementById("count");
  const cards = [...document.querySelectorAll("#prompts > article")];
  const choices = [...bar.querySelectorAll("select")];
  const words = document.getElementById("words");
  const texts = new Map();
  let waiting = 0;

  const textOf = (card) => {
    if (!texts.has(card)) texts.set(card, card.textContent.toLowerCase());
    return texts.get(card);
  };

  const fits = (card, wanted) =>
    choices.every((choice) => !choice.value || card.dataset[choice.name].split("|").includes(choice.value)) &&
    wanted.every((word) => textOf(card).includes(word));

  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const card of cards) {
      const fit = fits(card, wanted);
      card.hidden = !fit;
      if (fit) shown += 1;
    }
    said.textContent = shown === cards.length ? "All are shown." : `${shown} of ${cards.length} are shown.`;
  };

  bar.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 120);
  });
  document.getElementById("show-all").addEventListener("click", () => {
    words.value = "";
    for (const choice of choices) choice.value = "";
    filter();
  });
  bar.hidden = false;
  filter();
})();
