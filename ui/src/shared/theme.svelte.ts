/** The system's colours, or the ones that somebody chose here. */

const KEY = "tarsier.theme";
export const THEMES = ["system", "dark", "light"] as const;
export type Theme = (typeof THEMES)[number];

function kept(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return THEMES.find((theme) => theme === value) ?? "system";
  } catch {
    return "system";
  }
}

class ThemeChoice {
  current = $state<Theme>(kept());

  constructor() {
    this.apply();
  }

  next(): void {
    this.current = THEMES[(THEMES.indexOf(this.current) + 1) % THEMES.length] ?? "system";
    try {
      localStorage.setItem(KEY, this.current);
    } catch {
      // Then it lasts as long as the page.
    }
    this.apply();
  }

  private apply(): void {
    const root = document.documentElement;
    if (this.current === "system") delete root.dataset["theme"];
    else root.dataset["theme"] = this.current;
    dispatchEvent(new Event("themechange"));
  }
}

export const theme = new ThemeChoice();
