// Light, dark, or as the system has it.

import { SegmentedControl, useMantineColorScheme, VisuallyHidden } from "@mantine/core";
import { IconDeviceDesktop, IconMoon, IconSun, type Icon } from "@tabler/icons-react";

const CHOICES: { value: "light" | "auto" | "dark"; label: string; icon: Icon }[] = [
  { value: "light", label: "Light theme", icon: IconSun },
  { value: "auto", label: "Theme of the system", icon: IconDeviceDesktop },
  { value: "dark", label: "Dark theme", icon: IconMoon },
];

export function ThemeToggle() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <SegmentedControl
      size="xs"
      fullWidth
      aria-label="Theme"
      value={colorScheme}
      onChange={setColorScheme}
      data={CHOICES.map(({ value, label, icon: IconOf }) => ({
        value,
        label: <span title={label} style={{ display: "grid", placeItems: "center", height: 18 }}><IconOf size={14} aria-hidden /><VisuallyHidden>{label}</VisuallyHidden></span>,
      }))}
    />
  );
}
