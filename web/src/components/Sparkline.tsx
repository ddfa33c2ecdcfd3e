// A row of small bars in the line of a table: how something went, without axes.

const HEIGHT = 20;

export function Sparkline({ values, label, width = 120 }: { values: number[]; label: string; width?: number }) {
  const most = values.reduce((max, value) => Math.max(max, value), 0);
  const step = width / Math.max(1, values.length);
  return (
    <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} role="img" aria-label={label} style={{ display: "block", flex: "none" }}>
      <path d={`M0 ${HEIGHT - 0.5}H${width}`} stroke="var(--wk-line-strong)" />
      {values.map((value, i) => {
        if (value <= 0 || most === 0) return null;
        const height = Math.max(1.5, (value / most) * (HEIGHT - 2));
        return <rect key={i} x={i * step} y={HEIGHT - height} width={Math.max(1, step - 0.8)} height={height} fill="var(--wk-accent)" opacity={0.8} />;
      })}
    </svg>
  );
}
