/** Sets the theme before anything is painted. */
export const THEME_SCRIPT =
  "try{document.documentElement.dataset.theme=localStorage.getItem('theme')||''}catch{}";
