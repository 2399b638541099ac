<?php
// Runs a piece of work so that nothing escapes into WHMCS: failures go to the module log, without secrets.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Safely
{
    /**
     * @template T
     * @param mixed $params what WHMCS has handed over
     * @param callable(): T $work
     * @param callable(\Throwable): T $otherwise what to answer when the work failed
     * @return T
     */
    public static function run(string $what, $params, callable $work, callable $otherwise)
    {
        try {
            return $work();
        } catch (\Throwable $error) {
            self::log($what, is_array($params) ? $params : [], $error);
            return $otherwise($error);
        }
    }

    /** The same for what nobody looks on at: the Activity Log is told when it begins to fail, and when it works again. */
    public static function watched(string $what, $params, callable $work, callable $otherwise)
    {
        $params = is_array($params) ? $params : [];
        $note = static function (string $trouble) use ($what): void {
            self::run('notice', [], static fn () => Notice::state($what, $trouble), static fn () => null);
        };
        return self::run($what, $params, static function () use ($work, $note) {
            $answer = $work();
            $note('');
            return $answer;
        }, static function (\Throwable $error) use ($params, $note, $otherwise) {
            $note(self::message($params, $error));
            return $otherwise($error);
        });
    }

    /** Only chosen keys: the parameters hold passwords of server and customer. */
    public static function log(string $what, array $params, \Throwable $error): void
    {
        try {
            $secrets = Client::secrets($params);
            $shown = array_intersect_key($params, array_flip(['serverid', 'serverhostname', 'serviceid', 'username']));
            $shown = array_map(static fn ($value) => is_scalar($value) ? $value : null, $shown);
            $message = self::message($params, $error);
            if (function_exists('logModuleCall')) {
                logModuleCall('whmeter', $what, $shown, $message, '', $secrets);
            }
        } catch (\Throwable) {
            // A log that cannot be written must not stop the cron either.
        }
    }

    /** What went wrong, without secrets. */
    public static function message(array $params, \Throwable $error): string
    {
        $message = $error instanceof Refused ? $error->getMessage() : self::described($error);
        return str_replace(Client::secrets($params), '***', $message);
    }

    private static function described(\Throwable $error): string
    {
        $file = basename($error->getFile());
        return get_class($error) . ": {$error->getMessage()} ($file:{$error->getLine()})";
    }
}
