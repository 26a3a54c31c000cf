import { Button, Collapse, CopyButton } from '@mantine/core';
import { useState } from 'react';
import { type ApiRequest, curlOf } from './curl.ts';
import styles from './api-call.module.css';

/** The request of a dialog as a command, without the key. */
export const ApiCall = ({ request }: { request: ApiRequest }) => {
  const [isOpen, setOpen] = useState(false);
  const command = curlOf(request, location.origin);
  return (
    <div className={styles.call}>
      <Button
        variant="subtle"
        size="compact-sm"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        {isOpen ? 'Hide API call' : 'Show API call'}
      </Button>
      <Collapse expanded={isOpen}>
        <textarea
          readOnly
          rows={7}
          className={styles.command}
          aria-label="The request as a command"
          value={command}
        />
        {/* A browser has a clipboard only for https and localhost. */}
        {isSecureContext && (
          <CopyButton value={command}>
            {({ copied, copy }) => (
              <Button variant="default" size="xs" onClick={copy}>
                {copied ? 'Copied' : 'Copy'}
              </Button>
            )}
          </CopyButton>
        )}
      </Collapse>
    </div>
  );
};
