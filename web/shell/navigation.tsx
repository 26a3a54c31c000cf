import { Link } from '@tanstack/react-router';
import { useMe } from '../api/services.tsx';
import { Brand } from './brand.tsx';
import { itemsOf } from './navigation-items.ts';
import styles from './navigation.module.css';

export const Navigation = ({ onNavigate }: { onNavigate?: () => void }) => {
  const { key } = useMe();
  return (
    <nav aria-label="Main" className={styles.navigation}>
      <Brand />
      <ul className={styles.list}>
        {itemsOf(key.role).map(({ path, name, icon: Icon }) => (
          <li key={path}>
            <Link
              to={path}
              className={styles.link}
              activeOptions={{ exact: path === '/' }}
              {...(onNavigate && { onClick: onNavigate })}
            >
              <Icon aria-hidden size={18} />
              {name}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
};
