<?php
// Other modules' own limit mails, kept back where the operator wishes it, as whmeter sends them itself.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class SeedMails
{
    private const TEMPLATES = [
        'puqMinIOS3 Notification disk limit',
        'puqMinIOS3 service Suspension Notification disk limit',
        'puqSynology Notification disk limit',
    ];

    /** @param array $mail what EmailPreSend is given */
    public static function isDuplicate(array $mail): bool
    {
        if (!Settings::isOn('keep_back_seed_mails') || self::isFromApi()) {
            return false;
        }
        $templates = array_merge(self::TEMPLATES, Settings::table('seed_templates'));
        return in_array($mail['messagename'] ?? null, $templates, true) && self::isMetered((int) ($mail['relid'] ?? 0));
    }

    /** whmeter's mails come in by WHMCS's API, those of a module never do. */
    private static function isFromApi(): bool
    {
        return basename((string) ($_SERVER['SCRIPT_NAME'] ?? '')) === 'api.php';
    }

    private static function isMetered(int $service): bool
    {
        $row = Capsule::table('tblhosting')->where('id', $service)->first(['server']);
        return $row && Servers::entryFor((int) $row->server) !== null;
    }
}
