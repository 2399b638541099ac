<?php
// What the operator has written into settings.php; without that file everything is as shipped.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Settings
{
    private static ?array $read = null;

    private static function all(): array
    {
        if (self::$read === null) {
            $file = dirname(__DIR__) . '/settings.php';
            $given = is_file($file) ? require $file : [];
            self::$read = is_array($given) ? $given : [];
        }
        return self::$read;
    }

    /** Lists and tables; anything else counts as not given. */
    public static function table(string $name): array
    {
        $value = self::all()[$name] ?? [];
        return is_array($value) ? $value : [];
    }

    public static function isOn(string $name): bool
    {
        return (self::all()[$name] ?? false) === true;
    }

    /** The unit of whmeter's values: MB, GB, TB or PB. */
    public static function unit(): string
    {
        $unit = self::all()['unit'] ?? 'GB';
        return in_array($unit, ['MB', 'GB', 'TB', 'PB'], true) ? $unit : 'GB';
    }
}
