// Tables as comma-separated values (RFC 4180), saved as a file.

/** Rows of cells as text. */
export function csvText(rows: string[][]): string {
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

function cell(text: string): string {
  // A spreadsheet takes a cell that begins so for a formula; a number may begin with a minus.
  const safe = /^[=@\t\r]/.test(text) || (/^[+-]/.test(text) && !Number.isFinite(Number(text)) && !/^[+-]Inf$/.test(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

export function saveText(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
