<?php
// What the buttons do, and what they answer: success, or a sentence for the user.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Buttons
{
    private const TOO_SOON = 429;
    /** What whoever presses waits at most. */
    private const SECONDS = 5.0;
    /** The word WHMCS expects when all went well. */
    private const DONE = 'success';

    /** Customers press it too: which token may do what is none of their business. */
    public static function recalculate($params): string
    {
        // The constant is WHMCS's own, of its admin area alone.
        $texts = static fn () => defined('ADMINAREA') ? Texts::ofAdmin() : Texts::ofClient($params);
        return self::pressed('recalculate', $params, $texts, 'unreachable', static function (Account $account) use ($params): void {
            $account->recalculate(Client::hurried($params, self::SECONDS));
        });
    }

    /** @param array $wish action, and with a pin the policy */
    public static function policy($params, array $wish): string
    {
        $texts = static fn () => Texts::ofAdmin();
        return self::pressed('policy', $params, $texts, 'not_allowed', static function (Account $account) use ($params, $wish): void {
            $client = Client::hurried($params, self::SECONDS);
            // A pin outlives everything: usage decides again only when it is taken away.
            if ($wish === ['action' => 'reconcile']) {
                $account->policy($client, ['action' => 'unpin']);
            }
            $account->policy($client, $wish);
        });
    }

    /** @param string $refused the text for a token that may not do this */
    private static function pressed(string $what, $params, callable $texts, string $refused, callable $work): string
    {
        $press = static function () use ($params, $work): string {
            $account = Account::of($params);
            if ($account === null) {
                return 'no_account';
            }
            $work($account);
            return self::DONE;
        };
        $trouble = static fn (\Throwable $error) => match ($error instanceof Refused ? $error->status : 0) {
            404 => 'no_account',
            self::TOO_SOON => 'too_soon',
            401, 403 => $refused,
            default => 'unreachable',
        };
        $said = Safely::run($what, $params, $press, $trouble);
        $text = static fn () => $texts()->get($said);
        return $said === self::DONE ? self::DONE : Safely::run('texts', $params, $text, static fn () => 'Not available');
    }
}
