import { Kbd, Switch } from '@mantine/core';
import { Dialog } from '../page/dialog.tsx';
import { useShortcuts } from './shortcuts.tsx';
import styles from './shortcut-help.module.css';

/** The dialog with all shortcuts of the present page, and the switch that ends them. */
export const ShortcutHelp = () => {
  const { list, isHelpOpen, setHelpOpen } = useShortcuts();
  return (
    <Dialog
      isOpen={isHelpOpen}
      onClose={() => setHelpOpen(false)}
      title="Keyboard shortcuts"
      width={480}
    >
      <div className={styles.help}>
        <dl className={styles.list}>
          {list.map(({ keys, label }) => (
            <div key={keys} className={styles.row}>
              <dt>{label}</dt>
              <dd>
                <Keys keys={keys} />
              </dd>
            </div>
          ))}
        </dl>
        <SingleKeysSwitch />
      </div>
    </Dialog>
  );
};

export const SingleKeysSwitch = () => {
  const { isOn, setOn } = useShortcuts();
  return (
    <Switch
      label="Single keys act"
      description="Switch this off if you dictate, or press keys by accident."
      checked={isOn}
      onChange={(event) => setOn(event.currentTarget.checked)}
    />
  );
};

const Keys = ({ keys }: { keys: string }) => {
  const [first, second] = keys.split(' ');
  return (
    <>
      <Kbd>{first}</Kbd>
      {second !== undefined && (
        <>
          {' then '}
          <Kbd>{second}</Kbd>
        </>
      )}
    </>
  );
};
