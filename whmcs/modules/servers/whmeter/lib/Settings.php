<?php
// What the operator has written into settings.php; without that file everything is as shipped.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Settings
{
    private const UNITS = ['MB', 'GB', 'TB', 'PB'];

    private static ?array $read = null;
    private static ?string $trouble = null;

    private static function all(): array
    {
        if (self::$read === null) {
            try {
                self::$read = self::file(dirname(__DIR__) . '/settings.php');
            } catch (\Throwable $error) {
                self::$read = [];
                $line = $error instanceof \ParseError ? ", line {$error->getLine()}" : '';
                self::$trouble = "settings.php cannot be used: {$error->getMessage()}$line";
            }
        }
        return self::$read;
    }

    private static function file(string $file): array
    {
        if (!is_file($file)) {
            return [];
        }
        // PHP itself would end the whole request for what stands before declare().
        if (strncmp((string) file_get_contents($file), '<?php', 5) !== 0) {
            throw new \RuntimeException('it must begin with <?php, and something invisible stands before that: save it without a byte order mark');
        }
        ob_start();
        try {
            $given = require $file;
        } finally {
            ob_end_clean();
        }
        if (!is_array($given)) {
            throw new \RuntimeException('it returns no array; compare it with settings.sample.php');
        }
        if (!in_array($given['unit'] ?? 'GB', self::UNITS, true)) {
            throw new \RuntimeException('unit is none of ' . implode(', ', self::UNITS));
        }
        return $given;
    }

    /** Why the file cannot be used, if it cannot: whmeter is asked nothing then, as what is not set may be what matters. */
    public static function trouble(): ?string
    {
        self::all();
        return self::$trouble;
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

    public static function isOff(string $name): bool
    {
        return (self::all()[$name] ?? true) === false;
    }

    /** The unit of whmeter's values: MB, GB, TB or PB. */
    public static function unit(): string
    {
        return self::all()['unit'] ?? 'GB';
    }
}
