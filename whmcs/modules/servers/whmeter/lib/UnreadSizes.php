<?php
// Sizes that people have written and nobody can read: said, as a limit that is none lets everything pass.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class UnreadSizes
{
    private const SHOWN = 5;

    /** @param string[] $unread */
    public static function say(int $server, array $unread): void
    {
        $trouble = self::sentence($unread);
        if ($trouble !== '') {
            Safely::log("sizes of server $server", ['serverid' => $server], new Refused($trouble));
        }
        Safely::run('notice', [], static fn () => Notice::state("sizes of server $server", $trouble), static fn () => null);
    }

    /** @param string[] $unread @return string empty where all could be read */
    public static function sentence(array $unread): string
    {
        $unread = array_values(array_unique($unread));
        $more = count($unread) - self::SHOWN;
        return implode('; ', array_slice($unread, 0, self::SHOWN)) . ($more > 0 ? "; and $more more" : '');
    }
}
