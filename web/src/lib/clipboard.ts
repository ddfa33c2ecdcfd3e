// Copies text, also where the page is not served over HTTPS and browsers withhold the clipboard API.

export async function copyText(text: string): Promise<boolean> {
  // Typed as always there, but absent on plain HTTP from another host.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard) {
    try {
      await clipboard.writeText(text);
      return true;
    } catch {
      // Refused (no focus, no permission): try the old way.
    }
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  document.body.append(area);
  area.select();
  try {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way without a secure context
    return document.execCommand("copy");
  } finally {
    area.remove();
  }
}
