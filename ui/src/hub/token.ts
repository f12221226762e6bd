/**
 * The token that lets this page speak to the hub: out of the address (`#token=…`), kept in the browser, never left in
 * the address bar.
 */

const KEY = "tarsier.token";

/** Takes the token out of the address, or finds the one kept earlier. */
export function takeToken(): string | null {
  const match = /[#&]token=([^&]+)/.exec(location.hash);
  if (match?.[1]) {
    const token = decodeURIComponent(match[1]);
    keepToken(token);
    const rest = location.hash.replace(/[#&]token=[^&]+/, "");
    history.replaceState(null, "", `${location.pathname}${location.search}${rest.length > 1 ? rest : ""}`);
    return token;
  }
  return read();
}

function read(): string | null {
  try {
    return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
  } catch {
    // Storage may be forbidden; the page then lives as long as its tab.
    return null;
  }
}

export function keepToken(token: string): void {
  try {
    sessionStorage.setItem(KEY, token);
    localStorage.setItem(KEY, token);
  } catch {
    // As above.
  }
}
