// The series of a chart by name, with their last values. Click shows one alone, again shows all.

import classes from "./Legend.module.css";

interface LegendItem {
  id: string;
  label: string;
  color: string;
  value: string;
}

interface LegendProps {
  items: LegendItem[];
  alone: string | undefined;
  onAlone: (id: string | undefined) => void;
}

export function Legend({ items, alone, onAlone }: LegendProps) {
  return (
    <ul className={classes.legend} aria-label="Series">
      {items.map((item) => (
        <li key={item.id}>
          <button
            type="button"
            className={classes.item}
            data-off={alone !== undefined && alone !== item.id}
            aria-pressed={alone === item.id}
            onClick={() => onAlone(alone === item.id ? undefined : item.id)}
            title={item.label}
          >
            <i style={{ background: `var(${item.color})` }} />
            <span className="clip">{item.label}</span>
            <b>{item.value}</b>
          </button>
        </li>
      ))}
    </ul>
  );
}
