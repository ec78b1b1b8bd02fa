// The chosen theme, before anything is drawn: light, dark, or as the system has it.
(() => {
  let chosen = '';
  try {
    chosen = localStorage.getItem('wakeful-theme') ?? '';
  } catch {
    // storage is forbidden here: as the system has it
  }
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
})();
